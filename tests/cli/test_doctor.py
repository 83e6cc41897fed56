"""attnbench doctor without any driver, on a machine that a folder plays: what it finds of nodes,
memory, clocks, load and a container's limits, and what to do. With drivers: tests/faults.
"""
import json
import os

from harness import NO_DEVICE, ProgramTest, main

SYSTEM = {
    "proc/meminfo": "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:   12000000 kB\n",
    "proc/loadavg": "0.01 0.10 0.20 1/100 1234\n",
    "proc/self/cgroup": "0::/job/step\n",
    "sys/fs/cgroup/job/step/cpu.max": "max 100000\n",
    "sys/fs/cgroup/job/cpu.max": "50000 100000\n",
    "sys/fs/cgroup/job/memory.max": "2147483648\n",
    "sys/fs/cgroup/job/step/memory.max": "max\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1200000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "3600000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "dev/dri/renderD128": "", "dev/kfd": "",
}


class Doctor(ProgramTest):
    def system(self, **more):
        root = self.folder / "system"
        for name, content in {**SYSTEM, **more}.items():
            if content is None:
                continue
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (self.folder / "vendors").mkdir(exist_ok=True)
        return {"ATTNBENCH_SYSTEM_ROOT": str(root), "OCL_ICD_VENDORS": str(self.folder / "vendors")}

    def doctor(self, *args, status=NO_DEVICE, **environment):
        return self.attnbench("doctor", *args, status=status, **environment)

    def found(self, **environment):
        """{section: {name: (verdict, text, do)}}"""
        report = json.loads(self.doctor("--json", **environment).stdout)
        self.assertEqual((report.pop("format"), report.pop("version")), ("attnbench-doctor", "1.0.0"))
        self.assertEqual(report.pop("usable"), 0)
        self.assertEqual(list(report), ["loader", "drivers", "nodes", "devices", "caches", "host"])
        return {section: {f["name"]: (f["verdict"], f["text"], f["do"]) for f in findings}
                for section, findings in report.items()}

    def test_a_machine(self):
        found = self.found(**self.system())
        self.assertEqual(found["loader"]["vendors"][0], "bad")
        self.assertIn("OCL_ICD_VENDORS", found["loader"]["vendors"][1])
        self.assertIn("install a driver", found["loader"]["vendors"][2])
        self.assertEqual(found["devices"]["all"][0], "bad")
        self.assertEqual(found["nodes"]["/dev/dri/renderD128"], ("ok", "may be opened", None))
        host = found["host"]
        self.assertEqual(host["memory"], ("ok", "11.4 GiB of 15.3 GiB available", None))
        self.assertEqual(host["load"][0], "ok")
        self.assertEqual(host["governor"][:2], ("warn", "powersave, performance"))
        self.assertIn("cpupower", host["governor"][2])
        self.assertEqual(host["clock"][1], "up to 1200 MHz now, 3600 MHz at most")
        self.assertRegex(host["cpu limit"][1], "may use 0.5 CPUs of [0-9]+")
        self.assertEqual(host["memory limit"][:2], ("note", "this container may use 2.00 GiB"))

    def test_what_is_bad(self):
        environment = self.system(**{"proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 100 kB\n",
                                     "proc/loadavg": "99.5 1 1 1/1 1\n"})
        host = self.found(**environment)["host"]
        self.assertEqual((host["memory"][0], host["load"][0]), ("warn", "warn"))
        for name in ("memory", "load", "governor", "cpu limit"):
            self.assertTrue(host[name][2], name)

    def test_a_machine_that_shows_nothing(self):
        (self.folder / "empty").mkdir()
        environment = {**self.system(), "ATTNBENCH_SYSTEM_ROOT": str(self.folder / "empty")}
        host = self.found(**environment)["host"]
        self.assertEqual(host["memory"][:2], ("note", "unknown"))
        self.assertEqual(host["cpu limit"][0], "ok")

    def test_nonsense_in_the_system_is_survived(self):
        for content in ("", "x" * 5000, "\x00\x01\x02", "-1 -1", "nan inf"):
            self.found(**self.system(**{name: content for name in SYSTEM}))

    def test_an_old_hierarchy(self):
        environment = self.system(**{
            "proc/self/cgroup": "4:memory:/x\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"})
        host = self.found(**environment)["host"]
        self.assertRegex(host["cpu limit"][1], "may use 0.25 CPUs")
        self.assertEqual(host["memory limit"][0], "ok")

    def test_no_permission_names_the_group(self):
        if os.geteuid() == 0:
            self.skipTest("root may open anything")
        environment = self.system()
        (self.folder / "system/dev/kfd").chmod(0)
        verdict, text, advice = self.found(**environment)["nodes"]["/dev/kfd"]
        self.assertEqual(verdict, "bad")
        self.assertIn("it belongs to the group", text)
        self.assertTrue(advice)

    def test_caches(self):
        environment = self.system()
        (self.folder / "cache/programs").mkdir(parents=True)
        (self.folder / "cache/programs/a").write_bytes(b"x" * 2048)
        (self.folder / "cache/peaks").write_text("no folder")
        caches = self.found(**environment)["caches"]
        self.assertEqual(caches["programs"][0], "ok")
        self.assertTrue(caches["programs"][1].endswith("1 file, 2.00 KiB"), caches["programs"])
        self.assertEqual(caches["peaks"][0], "bad")
        self.assertIn("ATTNBENCH_CACHE_DIR", caches["peaks"][2])
        self.assertIn("not made yet", caches["locks"][1])

    def test_a_screen(self):
        environment = self.system()
        (self.folder / "vendors/gone.icd").write_text("/nowhere/libgone.so\n")
        (self.folder / "vendors/none.icd").write_text("\n")
        lines = self.doctor(**environment).stdout.splitlines()
        self.assertEqual(lines[-1], "no usable device")
        self.assertLess(len(lines), 60)
        text = "\n".join(lines)
        self.assertRegex(text, r"bad   .*/gone.icd: /nowhere/libgone.so: cannot be loaded: .*cannot open")
        self.assertRegex(text, r"bad   .*/none.icd: \?: the file names no library")
        self.assertRegex(text, r"(?m)^ +-> install the library")


main()
