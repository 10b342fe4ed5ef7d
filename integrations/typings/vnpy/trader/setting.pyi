SETTINGS: dict[str, object]
