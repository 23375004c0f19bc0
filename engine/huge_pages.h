// Memory for tables that are read here and there: in huge pages where the kernel has them.
#pragma once

#include <memory_resource>

namespace tapline {

// Gives what is 2 MiB or more its own mapping, for which huge pages are asked (madvise(2), MADV_HUGEPAGE): a
// look-up in a table of a hundred thousand connections then does not also miss the TLB. Where the kernel has
// none to give, or an administrator has turned them off, the pages are the usual ones. A page is there once
// it is written to; a huge one is so as a whole. What is smaller comes from operator new. Thread-safe; lives
// as long as the process. Throws std::bad_alloc.
// What it brings is in engine/README.md.
std::pmr::memory_resource& huge_page_memory();

}  // namespace tapline
