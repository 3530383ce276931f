"""Models from elsewhere: ONNX files, arrays with a network file, and SCALE-Sim's topologies.

Each importer gives a :class:`~accsim.compress.model.Model`, or a network where there are no parameters.
"""
