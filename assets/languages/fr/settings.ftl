settings-language = Langue
