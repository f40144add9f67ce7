#pragma once
#include <zmq.h>
// Swift's Glibc module leaves eventfd and epoll out.
#include <sys/epoll.h>
#include <sys/eventfd.h>
