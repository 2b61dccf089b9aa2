# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The labeling app: click objects in the browser, correct masks, save labels; and the same over HTTP.

All state and logic live in modules without Gradio; `web_page.py` connects them to a browser, `http_api.py` to programs.
"""
