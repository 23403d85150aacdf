"""The project file of an app, and the builds that it describes."""
