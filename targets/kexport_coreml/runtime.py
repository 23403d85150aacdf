class CoremlRuntime: pass
class MilEvaluator: pass
