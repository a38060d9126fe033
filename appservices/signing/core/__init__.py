"""The pure part of signing: CMS, time stamps, certificates, PDF revisions, verdicts."""
