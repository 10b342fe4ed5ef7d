"""A stand-in for a bridge to 金证 KSMM: the gRPC service the relay asks, with a played library behind it.

* `library`     the played library: two logins, a list of what may be traded, a licence with days left
* `misbehavior` what is to go wrong with which method
* `front`       the service, and its connections
* `commands`    what can be done to it while it runs

There is no desk behind it: the library it stands for is played as far as connect, log in, describe and close.
"""
