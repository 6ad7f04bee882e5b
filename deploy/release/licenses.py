#!/usr/bin/env python3
"""Prints the licenses and notices of everything that is linked into the binary: licenses.py ROOT BINARY"""
import sys
from pathlib import Path

import components


def main() -> None:
    root, binary = (Path(each).resolve() for each in sys.argv[1:])
    version, license = components.swift_library()
    parts = [(f"Swift {version}: Swift library, Foundation, Dispatch", license)]
    for package in components.swift_packages(root, binary):
        for path in package.legal_files():
            parts.append((f"{package.name} {package.version}: {path.relative_to(package.folder)}", path))
    print("Licenses and notices of the software that the binary genai_usage_exporter contains:")
    for title, path in parts:
        print(f"\n{'=' * 80}\n{title}\n{'=' * 80}\n{path.read_text().strip()}")


if __name__ == "__main__":
    main()
