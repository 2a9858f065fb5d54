"""The names of a release's files, and of the file beside the releases that names the live one."""

MANIFEST = "manifest.json"  # digest and size of every other file
SIGNATURE = "manifest.sig"  # of the manifest, which names the digest of all the rest; no manifest lists it
RECIPE = "recipe.json"  # how the model's input is made
TREES = "model.ubj"  # the model, where it is XGBoost's trees
MODEL = "model.json"  # the model, where it is a column or a logistic regression
POPULAR = "popular.json"  # the lists served without a model
POLICY = "policy.json"  # the serving policy
OPERATING_POINT = "operating_point.json"  # from which score a case is acted on, where cases are decided
GOLDEN = "golden.npz"  # inputs and the scores they must give

LIVE = "live.json"  # which release is live
