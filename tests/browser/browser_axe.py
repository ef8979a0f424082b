"""What axe finds wrong with a page."""

from selenium_axe_python import Axe


def violations(browser):
    """A line for each rule that is broken, with where."""
    axe = Axe(browser)
    axe.inject()
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']}: {[node['target'] for node in fault['nodes']]}"
        for fault in axe.run()["violations"]
    ]
