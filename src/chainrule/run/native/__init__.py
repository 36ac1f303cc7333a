"""Native code: LLVM instructions as text in, functions that run at the speed of the machine out."""
