#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace mcloss::distributed {

// Texts by key, which the processes of a run find each other through. Its functions throw DistributedError.
class Store {
 public:
  virtual ~Store() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;
  // Waits for the key until the timeout.
  virtual std::string get(const std::string& key, std::chrono::milliseconds timeout) = 0;
  virtual bool has(const std::string& key) = 0;
  // Adds to a number, 0 at first, and gives the sum.
  virtual int64_t add(const std::string& key, int64_t amount) = 0;
};

struct StoreOptions {
  std::string file;  // of processes on one machine; else:
  std::string host;
  uint16_t port = 0;
  bool serve = false;  // whether this process is the server
  std::string listen;  // an address of this machine, at which alone a server listens; none: at all of them
  int world_size = 1;
  std::chrono::milliseconds timeout;
};

std::shared_ptr<Store> connect_store(const StoreOptions& options);

}  // namespace mcloss::distributed
