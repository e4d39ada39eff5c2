"""What all processes of one test run share."""

BUILD_FOLDER = "TEST_BUILD_FOLDER"
"""The variable that names the folder of the packaged functions."""
