@main
enum Cerro { static func main() {} }
