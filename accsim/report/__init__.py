"""Reports: a result as one self-contained HTML file, its JSON schema, and files written whole or not at all."""
