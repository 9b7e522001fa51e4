"""The engine that is this machine: worker processes, started when there is work, gone when there is none.

`engine` is what callers see, `process` a worker from outside, `worker` one from inside, `wire` what goes between.
"""
