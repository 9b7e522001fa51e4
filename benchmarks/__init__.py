"""Quality and cost of BlankLogo against what is at hand elsewhere, in one run on one machine.

python -m benchmarks                     on clips it makes
python -m benchmarks --clips FOLDER      on your own clips
"""
