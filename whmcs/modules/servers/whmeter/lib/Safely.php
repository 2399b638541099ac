<?php
// Runs a piece of work so that nothing escapes into WHMCS: failures go to the module log, without secrets.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Safely
{
    /**
     * @template T
     * @param mixed $params what WHMCS has handed over
     * @param callable(): T $work
     * @param callable(\Throwable): T $otherwise what to answer when the work failed
     * @return T
     */
    public static function run(string $what, $params, callable $work, callable $otherwise)
    {
        try {
            return $work();
        } catch (\Throwable $error) {
            self::log($what, is_array($params) ? $params : [], $error);
            return $otherwise($error);
        }
    }

    /** Only chosen keys: the parameters hold passwords of server and customer. */
    public static function log(string $what, array $params, \Throwable $error): void
    {
        try {
            $secrets = Client::secrets($params);
            $shown = array_intersect_key($params, array_flip(['serverid', 'serverhostname', 'serviceid', 'username']));
            $shown = array_map(static fn ($value) => is_scalar($value) ? $value : null, $shown);
            $message = $error instanceof Refused ? $error->getMessage() : self::described($error);
            foreach ($secrets as $secret) {
                $message = str_replace($secret, '***', $message);
            }
            if (function_exists('logModuleCall')) {
                logModuleCall('whmeter', $what, $shown, $message, '', $secrets);
            }
        } catch (\Throwable) {
            // A log that cannot be written must not stop the cron either.
        }
    }

    private static function described(\Throwable $error): string
    {
        $file = basename($error->getFile());
        return get_class($error) . ": {$error->getMessage()} ($file:{$error->getLine()})";
    }
}
