"""Rules on nodes, the driver that applies them, and folding of constants and sizes."""

from kexport.rewrite.driver import Log, Pass, RulePass, apply_rules
from kexport.rewrite.rule import Rewriter, Rule, Skip, rule

__all__ = ["Log", "Pass", "Rewriter", "Rule", "RulePass", "Skip", "apply_rules", "rule"]
