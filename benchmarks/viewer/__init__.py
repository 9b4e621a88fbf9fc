"""Speed of the picture viewer in a real browser, and the page and browser that the tests use too."""
