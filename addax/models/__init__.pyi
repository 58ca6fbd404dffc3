from .functional import Functional as Functional
from .model import Model as Model
from .model import model_from_json as model_from_json
from .sequential import Sequential as Sequential
