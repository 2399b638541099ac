<?php
// What the buttons do, and what they answer: success, or a sentence for whoever pressed.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Buttons
{
    private const TOO_SOON = 429;

    public static function recalculate(array $params, Texts $texts): string
    {
        $work = static function () use ($params, $texts): string {
            $account = Account::of($params);
            if ($account === null) {
                return $texts->get('no_account');
            }
            $account->recalculate(new Client($params));
            return 'success';
        };
        // Customers press it too: which token may do what is none of their business.
        return self::pressed('recalculate', $params, $texts, $work, 'unreachable');
    }

    /** @param array $wish action, and with a pin the policy */
    public static function policy(array $params, array $wish): string
    {
        $texts = Texts::ofAdmin();
        $work = static function () use ($params, $wish, $texts): string {
            $account = Account::of($params);
            if ($account === null) {
                return $texts->get('no_account');
            }
            // A pin outlives everything: usage decides again only when it is taken away.
            if ($wish === ['action' => 'reconcile']) {
                $account->policy(new Client($params), ['action' => 'unpin']);
            }
            $account->policy(new Client($params), $wish);
            return 'success';
        };
        return self::pressed('policy', $params, $texts, $work, 'not_allowed');
    }

    private static function pressed(string $what, array $params, Texts $texts, callable $work, string $refused): string
    {
        return Safely::run($what, $params, $work, static function (\Throwable $error) use ($texts, $refused): string {
            return $texts->get(match ($error instanceof Refused ? $error->status : 0) {
                404 => 'no_account',
                self::TOO_SOON => 'too_soon',
                401, 403 => $refused,
                default => 'unreachable',
            });
        });
    }
}
