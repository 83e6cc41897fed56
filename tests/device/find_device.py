"""The device that device tests run on."""
import json
import os


def find_device(test):
    """Its id: ATTNBENCH_TEST_DEVICE, or PoCL's CPU, or whatever there is; None without any."""
    result = test.attnbench("devices", "--json", timeout=120)
    devices = json.loads(result.stdout)["devices"] if result.stdout else []
    if not devices:
        return None
    ids = [d["id"] for d in devices]
    wanted = os.environ.get("ATTNBENCH_TEST_DEVICE")
    return wanted or next((i for i in ids if "pocl" in i), ids[0])
