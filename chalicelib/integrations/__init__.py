"""One thin client per vendor: Jira, Slack, mail, Google Drive and Docs, GitHub; no business words.

Each says what came of a call in the words of the outbox (`chalicelib.core.outbox.effects`), and
none of them tries twice when it cannot know whether the first time worked.
"""
