"""Chromium by the WebDriver protocol (W3C), over plain HTTP: no library is needed.

find() names what is missing on this machine, or None. A Browser opens pages with the network off and
keeps what the page logged and requested. Commands that WebDriver lacks (printing, colour schemes,
switching scripts off) go through chromedriver to the browser's own protocol.
"""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")


def missing():
    """What this machine lacks, in words, or None."""
    if not CHROMIUM:
        return "chromium is not installed"
    if not DRIVER:
        return "chromedriver (Debian: chromium-driver) is not installed"
    return None


class Browser:
    def __init__(self, width=1280, height=900, timeout=180):
        self.timeout = timeout
        self.profile = tempfile.TemporaryDirectory(prefix="attnbench-page-",
                                                   ignore_cleanup_errors=True)
        self.log = open(os.path.join(self.profile.name, "driver.log"), "wb")
        self.driver = subprocess.Popen([DRIVER, "--port=0"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=self.log, text=True)
        try:
            self.root = f"http://127.0.0.1:{self.read_port()}"
            options = {"binary": CHROMIUM, "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--disable-background-networking", "--disable-component-update", "--no-first-run",
                "--disable-extensions", "--force-device-scale-factor=1", "--hide-scrollbars",
                f"--user-data-dir={self.profile.name}/profile", f"--window-size={width},{height}"]}
            session = self.request("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
            self.session = f"/session/{session['sessionId']}"
            self.cdp("Network.enable")
            self.cdp("Network.emulateNetworkConditions", offline=True, latency=0,
                     downloadThroughput=0, uploadThroughput=0)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            if getattr(self, "session", None):
                self.request("DELETE", self.session)
        except (OSError, RuntimeError):
            pass
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.driver.stdout.close()
        self.log.close()
        self.profile.cleanup()

    def read_port(self):
        until = time.monotonic() + self.timeout
        while time.monotonic() < until:
            line = self.driver.stdout.readline()
            if "on port " in line and "successfully" in line:
                return int(line.rstrip().rstrip(".").rsplit(" ", 1)[1])
            if not line and self.driver.poll() is not None:
                break
        raise RuntimeError("chromedriver did not start")

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()[:2000]}") from None

    def cdp(self, command, **params):
        return self.request("POST", f"{self.session}/goog/cdp/execute",
                            {"cmd": command, "params": params})

    def run(self, script, *args):
        """The value of a script's `return`."""
        return self.request("POST", f"{self.session}/execute/sync",
                            {"script": script, "args": list(args)})

    def run_async(self, script, *args):
        """The script calls its last argument with the value."""
        return self.request("POST", f"{self.session}/execute/async",
                            {"script": script, "args": list(args)})

    def open(self, path, scheme="light", scripts=True):
        self.cdp("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.cdp("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.logs(), self.requests()  # of the page before
        self.request("POST", f"{self.session}/url", {"url": f"file://{os.path.abspath(path)}"})

    def size(self, width, height, scale=1):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=scale, mobile=False)

    def logs(self):
        """What the page wrote to the console, errors of the browser included."""
        return [f"{entry['level']}: {entry['message']}" for entry in
                self.request("POST", f"{self.session}/se/log", {"type": "browser"})]

    def requests(self):
        """Every address that the page asked for since the last call."""
        found = []
        for entry in self.request("POST", f"{self.session}/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def keys(self, text):
        """Presses keys where the focus is; special ones by WebDriver's code points."""
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.request("POST", f"{self.session}/actions",
                     {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def screenshot(self, path, clip=None, whole=True):
        """A PNG of the whole page, or of a rectangle of it: (x, y, width, height)."""
        params = {"format": "png", "captureBeyondViewport": whole or clip is not None}
        if whole and clip is None:
            page = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
            clip = (0, 0, page["width"], page["height"])
        if clip:
            params["clip"] = dict(zip(("x", "y", "width", "height"), clip), scale=1)
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.cdp("Page.captureScreenshot", **params)["data"]))

    def pdf(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.cdp("Page.printToPDF", printBackground=True,
                                                 preferCSSPageSize=True,
                                                 paperWidth=8.27, paperHeight=11.69)["data"]))
