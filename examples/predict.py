"""Asks a running server for predictions, with nothing but Python's own library.

    metria demo --keep
    python examples/predict.py http://127.0.0.1:5000 german-credit
"""

import json
import sys
import urllib.request

url, model = sys.argv[1:3]
rows = [
    {"sex": "male", "age": 42, "job": 2, "housing": "own", "purpose": "radio/TV", "saving_accounts": "little",
     "checking_account": "moderate", "credit_amount": 2427, "duration": 18},
    {"sex": "female", "age": 29, "job": 1, "housing": "rent", "purpose": "car", "saving_accounts": "little",
     "checking_account": "little", "credit_amount": 3990, "duration": 36},
]
request = urllib.request.Request(
    f"{url}/predict/{model}", json.dumps({"instances": rows}).encode(), {"content-type": "application/json"}
)
with urllib.request.urlopen(request) as answer:
    told = json.load(answer)
for row, label, probabilities in zip(rows, told["predictions"], told["probabilities"]):
    print(f"{row['age']} years, {row['credit_amount']} DM: {label} (probability {max(probabilities):.3f})")
print(f"answered by version {told['model_version']}, request {told['request_id']}")
