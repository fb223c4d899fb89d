settings-language = Language
