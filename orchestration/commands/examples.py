"""The examples below the help of `flywheel`: one a line."""

EXAMPLES = """
Examples:

- `flywheel demo`: the whole loop on simulated events\n
- `flywheel demo --source kuairand --path DIR`: the same on real events\n
- `flywheel up`: everything running, until Ctrl-C\n
- `flywheel systems`: the systems that are known here\n
- `flywheel releases --system fraud`: any command, of another system\n
- `flywheel map --from DIR`: a first mapping of your own files\n
- `flywheel new returns --from sales/`: a system of your own, from your files\n
- `flywheel ingest events/`: your own files into the lake\n
- `flywheel run features --day 2026-05-03`: one stage for one day\n
- `flywheel run train --day 2026-05-03`: a new ranker, judged\n
- `flywheel run daily --as-of 2022-05-09`: a day's work on events of 2022, in their own time\n
- `flywheel stream`: events count as they land\n
- `flywheel rank u42`: the feed of one user, from the running service\n
- `flywheel decide --system fraud '{…}'`: what is done about one case\n
- `flywheel releases`: what was live when and for which share, who moved it, why\n
- `flywheel advance --why "no guardrail was hurt"`: the release on trial, one stage on\n
- `flywheel rollback --why "long views fell"`: back to the previous release\n
- `flywheel erase u42 --why "request 1093"`: a person, from every store, for good\n
- `flywheel why 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f v17`: why that item came to that place\n
- `flywheel replay 1f0c5a3e9d7b42c88e6f0a1b2c3d4e5f`: an answer's scores again, from the log\n
- `flywheel rebuild 7`: a release's model again, to the same bytes\n
- `flywheel study seeds`: how far figures move with the seed alone\n
- `flywheel retain --dry-run`: what is older than its limit, and would go\n
- `flywheel diagnose`: why the live release does worse, and where\n
- `flywheel funnel`: what each part of the funnel does, on simulated users\n
"""
