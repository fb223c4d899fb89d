media-long-text = Le texte collé est long : il a été ajouté comme fichier
