from tokenmill.inference.api import answer as answer
from tokenmill.inference.api import classify as classify
from tokenmill.inference.api import embed as embed
from tokenmill.inference.api import fill as fill
from tokenmill.inference.api import generate as generate
from tokenmill.inference.api import load as load
from tokenmill.inference.api import score as score
from tokenmill.inference.api import tag as tag
