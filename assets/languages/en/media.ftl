media-long-text = The pasted text is long, so it was added as a file
