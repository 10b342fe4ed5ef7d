"""What is wrong with a relay's settings, files and machine, found before terminals find it; each finding says what to do.

`rows` have every finding with its texts; a check is a function that looks at one subject and gives rows of the table;
`doctor` runs the checks. Nothing here changes anything, takes a lock, or waits without a deadline, so that it may look
at a relay that serves.
"""
