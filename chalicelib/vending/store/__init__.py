"""Where the vending context keeps things: keys and conditions live here and nowhere else.

One table. ``registry`` knows sites, technicians and machines; ``files`` the records of files and
the work they still need; ``chunks`` their rows; ``fleet`` what was concluded; ``dispatches`` who
was sent. ``share`` is the bucket that holds the files themselves.
"""
