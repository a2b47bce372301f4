"""Models of messages, contacts and reminder policies."""

from communications.models.calls import CallLog, CallOutcome, CallStatus, CallTask
from communications.models.choices import (
    CONTACTED,
    LEFT_US,
    PENDING,
    WITHOUT_MESSAGE,
    Kind,
    Medium,
    State,
    StepKind,
    Tone,
)
from communications.models.copies import Copy
from communications.models.earlier_contacts import EarlierContact
from communications.models.forecasts import ForecastPart, StoredForecast
from communications.models.inbound import (
    Address,
    Answer,
    AnswerKind,
    AnswerStatus,
    ConsentEntry,
    Reply,
    ReplyStatus,
    Source,
    Triage,
    Wish,
)
from communications.models.ladder import (
    ApprovalLimit,
    CollectionSettings,
    PolicyStep,
    ReminderPolicy,
    Rescheduling,
    SwitchingOn,
    every_medium,
)
from communications.models.leaps import ClockLeap
from communications.models.messages import Communication
from communications.models.rules import MinimumBalance, PolicyRule
from communications.models.senders import Gateway, MessageTemplate, Notice, SenderHealth, SenderProfile
from communications.models.statements import MonthlyStatement

__all__ = [
    "CONTACTED",
    "LEFT_US",
    "PENDING",
    "WITHOUT_MESSAGE",
    "Address",
    "Answer",
    "AnswerKind",
    "AnswerStatus",
    "ApprovalLimit",
    "CallLog",
    "CallOutcome",
    "CallStatus",
    "CallTask",
    "ClockLeap",
    "CollectionSettings",
    "Communication",
    "ConsentEntry",
    "Copy",
    "EarlierContact",
    "ForecastPart",
    "Gateway",
    "Kind",
    "Medium",
    "MessageTemplate",
    "MinimumBalance",
    "MonthlyStatement",
    "Notice",
    "PolicyRule",
    "PolicyStep",
    "ReminderPolicy",
    "Reply",
    "ReplyStatus",
    "Rescheduling",
    "SenderHealth",
    "SenderProfile",
    "Source",
    "State",
    "StepKind",
    "StoredForecast",
    "SwitchingOn",
    "Tone",
    "Triage",
    "Wish",
    "every_medium",
]
