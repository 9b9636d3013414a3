#pragma once

namespace mcloss::node {

// Changes what is one for the whole process, once: each for the reason beside it, and none where its
// environment variable says so. docs/deploy.md tells users.
void apply_process_settings();

}  // namespace mcloss::node
