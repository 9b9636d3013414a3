#include "store.h"

#include <c10/util/Logging.h>

#include <cstdlib>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "c10d_errors.h"
#include "c10d_store.h"
#include "listen.h"

namespace mcloss::distributed {
namespace {

// A refused connection writes two native backtraces to stderr, and is tried again; what fails in the end is
// thrown. The user's own level stands.
void quiet_log() {
  ::setenv("TORCH_CPP_LOG_LEVEL", "FATAL", /*overwrite=*/0);
  c10::initLogging();
}

c10::intrusive_ptr<c10d::Store> open_file(const StoreOptions& given) {
  auto store = c10::make_intrusive<c10d::FileStore>(given.file, given.world_size);
  store->setTimeout(given.timeout);
  return store;
}

c10::intrusive_ptr<c10d::Store> connect(const StoreOptions& given) {
  c10d::TCPStoreOptions options;
  options.port = given.port;
  options.isServer = given.serve;
  options.numWorkers = given.world_size;
  options.waitWorkers = false;
  options.timeout = given.timeout;
  // The store takes it over.
  if (given.serve && !given.listen.empty()) options.masterListenFd = listen_at(given.listen, given.port);
  return c10::make_intrusive<c10d::TCPStore>(given.host, options);
}

}  // namespace

void C10dStore::set(const std::string& key, const std::string& value) {
  guarded_call([&] { store_->set(key, value); });
}

std::string C10dStore::get(const std::string& key, std::chrono::milliseconds timeout) {
  return guarded_call([&] {
    store_->wait({key}, timeout);
    return store_->get_to_str(key);
  });
}

bool C10dStore::has(const std::string& key) {
  return guarded_call([&] { return store_->check({key}); });
}

int64_t C10dStore::add(const std::string& key, int64_t amount) {
  return guarded_call([&] { return store_->add(key, amount); });
}

c10::intrusive_ptr<c10d::Store> C10dStore::part(const std::string& prefix) const {
  return c10::make_intrusive<c10d::PrefixStore>(prefix, store_);
}

std::shared_ptr<Store> connect_store(const StoreOptions& options) {
  quiet_log();
  return guarded_call([&]() -> std::shared_ptr<Store> {
    return std::make_shared<C10dStore>(options.file.empty() ? connect(options) : open_file(options));
  });
}

}  // namespace mcloss::distributed
