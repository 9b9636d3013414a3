#pragma once

// Marks what the operator library offers to the libraries that link it; everything else stays hidden.
#define MCLOSS_OPS_API __attribute__((visibility("default")))
