media-long-text = Der eingefügte Text ist lang und wurde als Datei hinzugefügt
