"""The policy as a release carries it, `policy.json`: of a page both parts in one object, of cases with its kind."""

from typing import Any

import msgspec

from infra.errors import DefinitionError
from serving.case_policy import DEPLOYED, AnyPolicy, CasePolicy
from serving.definition import Policy, ReleasePolicy, ServiceLimits, ServicePolicy

LIMITS = "limits"  # the one field that both parts have
HOLDBACK = "holdback_share"


def to_json(policy: AnyPolicy) -> bytes:
    """The policy as a release carries it."""
    if isinstance(policy, Policy):
        service, release = msgspec.to_builtins(policy.service), msgspec.to_builtins(policy.release)
        values = {**service, **release, LIMITS: {**service[LIMITS], **release[LIMITS]}}
    else:
        values = msgspec.to_builtins(policy)
    if not values[LIMITS][HOLDBACK]:  # releases of the time before it keep their bytes, and with them their digests
        del values[LIMITS][HOLDBACK]
    return msgspec.json.format(msgspec.json.encode(values, order="sorted"), indent=1)


def from_json(written: bytes) -> Policy:
    """The policy a release carries; raises DefinitionError when this checkout cannot follow it."""
    try:
        both = msgspec.json.decode(written, type=dict[str, Any])
        limits = msgspec.convert(both.pop(LIMITS, {}), dict[str, Any])
        service, release = _parted(both, ServicePolicy)
        service[LIMITS], release[LIMITS] = _parted(limits, ServiceLimits)
        return Policy(msgspec.convert(service, ServicePolicy), msgspec.convert(release, ReleasePolicy))
    except msgspec.MsgspecError as refused:
        raise DefinitionError(
            f"policy.json: {refused}. It was written for another version of serving/definition.py."
        ) from refused


def cases_from_json(written: bytes) -> CasePolicy:
    """The policy of cases that a release carries; raises DefinitionError when this checkout cannot follow it."""
    try:
        policy: CasePolicy = msgspec.json.decode(written, type=CasePolicy)
        return policy
    except msgspec.MsgspecError as refused:
        raise DefinitionError(
            f"policy.json: {refused}. It was written for another version of serving/case_policy.py."
        ) from refused


def with_deployed(written: CasePolicy, deployed: CasePolicy) -> tuple[CasePolicy, tuple[str, ...]]:
    """The written policy with the checkout's values where those hold, and the names of the values that differ there."""
    if type(written) is not type(deployed):
        raise DefinitionError(
            f"policy.json: it is a {type(written).__name__}, this service's policy is a {type(deployed).__name__}"
        )
    own = {name: getattr(deployed, name) for name in DEPLOYED if name in deployed.__struct_fields__}
    differ = tuple(name for name, value in own.items() if getattr(written, name) != value)
    return msgspec.structs.replace(written, **own), differ


def need_deployment(written: Policy, deployed: Policy) -> list[str]:
    """The values of the service, by name, that a release wants to be others than this checkout sets."""
    names = [name for name in ServicePolicy.__struct_fields__ if name != LIMITS]
    differ = [name for name in names if getattr(written.service, name) != getattr(deployed.service, name)]
    wanted, set_here = written.service.limits, deployed.service.limits
    limits = [name for name in ServiceLimits.__struct_fields__ if getattr(wanted, name) != getattr(set_here, name)]
    return differ + [f"{LIMITS}.{name}" for name in limits]


def _parted(values: dict[str, Any], kind: type[ServicePolicy | ServiceLimits]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that are fields of a struct, and all others."""
    own = {name: value for name, value in values.items() if name in kind.__struct_fields__}
    return own, {name: value for name, value in values.items() if name not in own}
