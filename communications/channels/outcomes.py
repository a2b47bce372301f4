"""How handing a message over may end, other than well. Anything else means that the message may have left."""


class Refused(Exception):
    """The provider surely did not take the message; it may another time."""


class Rejected(Refused):
    """This channel will not take this message, whatever the hour: another one may."""


class Bounced(Refused):
    """There is no such recipient."""


class OptedOut(Refused):
    """The recipient told the provider to stop."""


class Away(Exception):
    """There is no way out at the moment; no message was begun."""


class Unclear(Exception):
    """The provider may have taken the message, or may not."""
