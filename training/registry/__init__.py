"""What keeps: releases as MLflow versions, aliases, the release history, what is live."""
