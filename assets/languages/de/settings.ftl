settings-language = Sprache
