"""What all processes of one test run share."""

BUILD_FOLDER = "BACKROOM_TEST_BUILD"
"""The variable that names the folder of the packaged functions."""
