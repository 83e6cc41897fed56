#!/usr/bin/env python3
"""Is a results file valid under the schema, and the schema itself valid?

usage: schema_valid.py RESULTS_FILE SCHEMA
Exit status: 0 valid, 1 not (each error is printed), 77 python3-jsonschema is missing.
"""
import json
import sys

try:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, parse_constant=refuse_constant)


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip())
        return 1
    results_file, schema_file = sys.argv[1:]
    try:
        results, schema = load(results_file), load(schema_file)
        Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, SchemaError) as error:
        print(f"error: {error}")
        return 1
    errors = 0
    for error in Draft202012Validator(schema).iter_errors(results):
        print(f"{results_file}: {error.json_path}: {error.message[:300]}")
        errors += 1
    return 1 if errors else 0


sys.exit(main())
