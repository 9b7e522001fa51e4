"""Webhooks: what happens to a job is told to whoever its owner named, once it is written down that it is to be told.

    message   EventName, body_of   what is told, and the body that tells it
    table                          who is told about which job, what is told, and each attempt at it
    outbox    announce             a delivery comes to be in the very transaction of the change that it tells
    delivery  Delivery             an event on its way, as it is looked at
    ledger    Ledger               deliveries taken up by one process at a time, how they went, the log, replays
    signing   Secrets              an owner's secrets, derived and never stored; the headers of an attempt
    sending   send                 one POST over the guard, redirects not followed, within its time
    courier   Courier              the threads that take up what is due

A job's end writes one row more and waits for nobody. A process that is killed leaves a delivery that another takes up
when its lease is over: a receiver may then hear an event twice, under one id.
"""
