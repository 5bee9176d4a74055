"""Dense networks trained by compiled code, where a C++ compiler is there: the same steps, without dispatch."""
