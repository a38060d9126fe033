"""The shell of all bridges: it runs connectors, keeps what they have to do, and speaks Matrix."""
