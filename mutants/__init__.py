"""Mutation testing: one place of the relay is changed, and its tests must notice. `make mutants`, docs/mutants.md.

* `places`     which modules are changed, and which tests judge them
* `changes`    the changes that can be made to a module, found by form; `not_made` says which forms are left alone
* `accepted`   changes that a test cannot see, each with its reason: a kept list, matched by content
* `draw`       a sample of them by a seed, which stays the same where the code does
* `copy`       the copy of the source in which changes are made
* `warm`       a process that has imported everything that no change touches, and forks for each run
* `probes`     which statements a test reaches; `reach` keeps it for all tests, and knows what is out of date
* `swap`       a change of a function, put into a process that has imported everything
* `judge`      one change, the tests that reach it, the verdict
* `report`     the survivors as diffs, the counts; the same as JSON
"""
